"""The deployment as a picture: the stacks and what feeds what, and the way of a request with what each part costs."""
