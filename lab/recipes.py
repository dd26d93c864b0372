"""What can be trained: every training recipe is registered here once."""

from lab.coherence.training.task import RECIPE as COHERENCE
from lab.deformation.training.train import RECIPE as DEFORMATION
from lab.offsets.recipe import RECIPE as OFFSETS
from lab.train_command import RECIPES

RECIPES["coherence"] = COHERENCE
RECIPES["deformation"] = DEFORMATION
RECIPES["offsets"] = OFFSETS
