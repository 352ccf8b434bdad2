"""What pod and collector share; standard library only."""
