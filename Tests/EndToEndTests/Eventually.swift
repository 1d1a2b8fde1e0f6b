import Testing

/// Looks until something holds.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(60), _ holds: () async throws -> Bool
) async throws {
    let start = ContinuousClock.now
    while try await !holds() {
        try #require(ContinuousClock.now - start < limit, what)
        try await Task.sleep(for: .milliseconds(20))
    }
}
