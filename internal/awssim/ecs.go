package awssim

func ecsHandlers() []handler {
	return []handler{}
}
