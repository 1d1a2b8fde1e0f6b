/// Waits between tries that keep failing: random ones below a bound that doubles.
///
/// Full jitter: many clients that lost the same server do not come back at the same time.
struct BackOff {
    /// The bound of the first wait.
    static let first = Duration.milliseconds(100)
    /// The bound of every wait, also of one that the server asks for.
    static let longest = Duration.seconds(30)

    /// The bound of the next wait.
    private(set) var bound = first

    /// The next wait.
    /// - Parameter asked: how long the server wants to be left alone.
    mutating func next(asked: Duration? = nil) -> Duration {
        defer { bound = min(bound * 2, Self.longest) }
        return max(bound * Double.random(in: 0...1), min(asked ?? .zero, Self.longest))
    }

    /// Something has worked.
    mutating func reset() { bound = Self.first }
}
