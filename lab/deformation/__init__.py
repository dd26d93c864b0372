"""Training, calibration and benchmarks of deformation. CONFIGS: name of a method -> what makes its config."""

from ml.deformation import DeformationMethod
from ml.runtime.methods import methods

CONFIGS = {name: DeformationMethod.find(name).new_config for name in methods("deformation")}
