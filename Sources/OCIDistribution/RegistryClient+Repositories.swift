internal import HTTPTransport

extension RegistryClient {
    /// All repositories of the registry that these credentials may list, over all pages: complete or an error.
    ///
    /// Many registries have no catalog, or keep it for administrators: ``RegistryError/refusesCatalog`` tells that from
    /// a failure. Names that are no valid repository names are left out.
    /// - Throws: ``RegistryError``, or `CancellationError`.
    /// Spec: Distribution, "HTTP API V2", section "Catalog"; OCI distribution specification 1.1 reserves `_catalog`.
    @concurrent
    public func repositories() async throws -> [Repository] {
        try await perform("list the repositories of \(configuration.registry)", access: .catalog) { ask in
            let url = self.configuration.endpoint.appending(path: "v2", "_catalog")
            return try await self.names(.repositories, at: url, ask).compactMap { try? Repository($0) }
        }
    }
}

extension RegistryError {
    /// Whether the registry, asked for its catalog, has none or keeps it from these credentials.
    ///
    /// Trying again does not help against that.
    public var refusesCatalog: Bool {
        guard code != .pageChain else { return false }
        return [401, 403, 404, 405, 501].contains(status) || [.unauthorized, .denied, .unsupported].contains(code)
    }
}
