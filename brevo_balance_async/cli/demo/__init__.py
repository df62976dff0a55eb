"""The parts of ``brevo-balance demo``, which no other command uses."""
