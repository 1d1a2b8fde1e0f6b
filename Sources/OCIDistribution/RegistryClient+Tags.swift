internal import HTTPTransport

extension RegistryClient {
    /// All tags of a repository, over all pages.
    ///
    /// The listing is complete or an error. The end is a page without a `Link` to a next one: neither a short page nor
    /// an empty one is. Only the registry's own NAME_UNKNOWN on the first page, with status 404, becomes
    /// ``RegistryError/Code/nameUnknown``; that and an empty listing are the two ways to say "no versions yet".
    /// - Throws: ``RegistryError``, or `CancellationError`.
    /// Spec: OCI distribution specification 1.1, end-8a and end-8b.
    @concurrent
    public func tags(of repository: Repository) async throws -> TagListing {
        try await perform("list the tags of \(configuration.registry)/\(repository)", in: repository) { ask in
            let url = self.configuration.endpoint.appending(path: "v2", repository.name, "tags", "list")
            let names = try await self.names(.tags, at: url, ask)
            let tags = names.compactMap { try? Tag($0) }
            return TagListing(tags: tags, ignored: names.count - tags.count)
        }
    }
}
