public import OCIDistribution

/// Where a local build pushes to: the registry as it is reached from this machine.
public struct PushTarget: Sendable {
    /// The host under which the registry is reached; image references may name another.
    public var host: RegistryHost
    /// Whether it is plain HTTP, by the operator's configuration.
    public var isPlainHTTP: Bool
    /// A PEM file with the registry's own authority.
    public var certificateAuthorityFile: String?

    /// Describes the registry.
    public init(host: RegistryHost, isPlainHTTP: Bool, certificateAuthorityFile: String? = nil) {
        self.host = host
        self.isPlainHTTP = isPlainHTTP
        self.certificateAuthorityFile = certificateAuthorityFile
    }
}
