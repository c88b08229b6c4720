"""What every recipe shares: problem rules, config, callbacks, checks, training, reports."""
