"""What can be trained: every course is registered here once."""

from ml.deformation.train import COURSE as DEFORMATION
from ml.train_command import COURSES

COURSES["deformation"] = DEFORMATION
