/// Why there is no usable configuration of a cluster, in one sentence that names the file or variable and the fix.
public struct ClusterConfigurationError: Error, Sendable, CustomStringConvertible {
    /// What is wrong, where, and what to do.
    public let description: String

    init(_ description: String) { self.description = description }
}
