package access

// PasskeysWork says why passkeys cannot work at the workspace's address, as a fault; nil when they can.
func (g *Gate) PasskeysWork() error {
	if g.noKeys != nil {
		return g.noKeys
	}
	return nil
}
