package trail

// wrappers are the shapes of JSON around a CloudTrail record, asked in this order.
var wrappers = []wrapper{}

// formats are the files that are no JSON, asked in this order.
var formats = []format{}
