package awssim

func accountHandlers() []handler {
	return []handler{}
}
