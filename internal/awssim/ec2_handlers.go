package awssim

func ec2Handlers() []handler {
	return []handler{
		read(describeInstances),
		read(describeNetworkInterfaces),
		write(modifyNetworkInterfaceAttribute),

		read(describeSecurityGroups),
		read(describeSecurityGroupRules),
		write(createSecurityGroup),
		write(deleteSecurityGroup),
		write(authorizeSecurityGroupEgress),
		write(authorizeSecurityGroupIngress),
		write(revokeSecurityGroupEgress),
		write(revokeSecurityGroupIngress),

		read(describeNetworkAcls),
		write(createNetworkAclEntry),
		write(replaceNetworkAclEntry),
		write(deleteNetworkAclEntry),

		read(describeInstanceAttribute),
		read(describeInstanceTypes),
		write(modifyInstanceAttribute),
		write(stopInstances),
		write(startInstances),
		read(getConsoleOutput),
		read(getConsoleScreenshot),
		read(getSerialConsoleAccessStatus),

		read(describeVolumes),
		read(describeSnapshots),
		read(describeSnapshotAttribute),
		read(describeLockedSnapshots),
		write(createSnapshot),
		write(createSnapshots),
		write(lockSnapshot),
		read(describeImages),
		read(describeImageAttribute),

		read(describeAddresses),
		write(associateAddress),
		write(disassociateAddress),
		read(describeIamInstanceProfileAssociations),
		write(associateIamInstanceProfile),
		write(disassociateIamInstanceProfile),

		write(createTags),
		write(deleteTags),

		read(describeVpcs),
		read(describeSubnets),
		read(describeRouteTables),
		read(describeVpcEndpoints),
		read(describeInstanceConnectEndpoints),
		read(describePrefixLists),
		read(describeManagedPrefixLists),
		read(describeRegions),
	}
}
