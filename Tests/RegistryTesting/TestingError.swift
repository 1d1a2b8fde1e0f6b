/// Why a test's surroundings could not be set up.
public struct TestingError: Error, CustomStringConvertible {
    /// One sentence, with what the program printed where that helps.
    public let description: String

    /// Describes a failure.
    public init(_ description: String) { self.description = description }
}
