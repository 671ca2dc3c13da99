"""What an operator may do, whoever asks for it: the command line and the web monitor share these acts."""
