"""`cfs boot-test`: machines boot from their user data in containers, and are brought into difficult situations."""
