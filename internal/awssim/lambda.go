package awssim

func lambdaHandlers() []handler {
	return []handler{}
}
