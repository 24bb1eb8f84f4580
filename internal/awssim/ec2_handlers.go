package awssim

func ec2Handlers() []handler {
	return []handler{
		read(describeInstances),
		read(describeNetworkInterfaces),
		write(modifyNetworkInterfaceAttribute),
	}
}
