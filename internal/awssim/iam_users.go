package awssim

func iamUserHandlers() []handler {
	return []handler{}
}
