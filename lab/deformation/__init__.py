"""Training, calibration and benchmarks of deformation. CONFIGS: name of a method -> what makes its config."""

from ground_motion.methods.deformation import DeformationMethod
from ground_motion.runtime.methods import methods

CONFIGS = {name: DeformationMethod.find(name).new_config for name in methods("deformation")}
