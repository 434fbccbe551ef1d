"""What shoppers did, read from files, and as the columns that everything learnt of shoppers is learnt from."""
