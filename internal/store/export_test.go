package store

// Waiting is how many writers wait for their turn.
func (db *DB) Waiting() int {
	db.turn.mu.Lock()
	defer db.turn.mu.Unlock()
	return len(db.turn.people) + len(db.turn.jobs)
}
