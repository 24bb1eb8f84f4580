package awssim

func directoryHandlers() []handler {
	return []handler{}
}
