package awssim

func organizationsHandlers() []handler {
	return []handler{}
}
