"""The room where the whole decision is measured on simulated accounts that nothing was trained or set on."""
