package awssim

func iamProviderHandlers() []handler {
	return []handler{}
}
