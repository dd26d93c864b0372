"""What can be trained: every course is registered here once."""

from ml.coherence.lesson import COURSE as COHERENCE
from ml.deformation.patches import COURSE as DEFORMATION_PATCHES
from ml.deformation.train import COURSE as DEFORMATION
from ml.offsets.course import COURSE as OFFSETS
from ml.train_command import COURSES

COURSES["coherence"] = COHERENCE
COURSES["deformation"] = DEFORMATION
COURSES["deformation-patches"] = DEFORMATION_PATCHES
COURSES["offsets"] = OFFSETS
