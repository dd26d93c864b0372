"""Each product sets its own threshold: what is shown stands above what surrogates of the product itself reach."""
