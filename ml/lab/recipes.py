"""What can be trained: every course is registered here once."""

from ml.lab.coherence.training_task import COURSE as COHERENCE
from ml.lab.deformation.patches import COURSE as DEFORMATION_PATCHES
from ml.lab.deformation.train import COURSE as DEFORMATION
from ml.lab.offsets.recipe import COURSE as OFFSETS
from ml.lab.train_command import COURSES

COURSES["coherence"] = COHERENCE
COURSES["deformation"] = DEFORMATION
COURSES["deformation-patches"] = DEFORMATION_PATCHES
COURSES["offsets"] = OFFSETS
