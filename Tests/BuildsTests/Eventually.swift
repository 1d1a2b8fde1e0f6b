import Testing

/// Looks until something holds.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(120), _ holds: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: limit)
    while try await !holds() {
        try #require(clock.now < end, what)
        try await clock.sleep(for: .milliseconds(10))
    }
}
