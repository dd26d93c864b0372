"""What can be trained: every course is registered here once."""

from ml.coherence.lesson import COURSE as COHERENCE
from ml.train_command import COURSES

COURSES["coherence"] = COHERENCE
