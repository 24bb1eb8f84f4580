package awssim

func identityCenterHandlers() []handler {
	return []handler{}
}
