"""What can be trained: every course is registered here once."""

from ml.offsets.course import COURSE as OFFSETS
from ml.train_command import COURSES

COURSES["offsets"] = OFFSETS
