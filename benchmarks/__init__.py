"""How fast mailgate takes mail, beside Postfix and beside aiosmtpd as it comes, by the same generator in one run."""
