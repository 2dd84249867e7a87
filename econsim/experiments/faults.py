"""What can be wrong with a calibration, an ensemble or observations: light to import."""


class CalibrationError(ValueError):
    """A calibration that cannot be done as asked."""


class EnsembleError(ValueError):
    """An ensemble that is missing, broken or too small."""


class ScoringError(ValueError):
    """Observations or predictions that cannot be compared."""
