package trail

// EffectsOf says what e did, or, where it did not succeed, tried.
func EffectsOf(_ *Event) Effects { return Effects{} }
