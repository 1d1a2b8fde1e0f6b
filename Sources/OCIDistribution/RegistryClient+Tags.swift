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
            do {
                return try await self.pages(of: repository, size: self.configuration.pageSize, ask)
            } catch let refusal as PageSizeRefused {
                guard refusal.hadSize else { throw refusal.error }
                return try await self.pages(of: repository, size: nil, ask)
            }
        }
    }

    private struct PageSizeRefused: Error {
        var error: RegistryError
        var hadSize: Bool
    }

    private func pages(of repository: Repository, size: Int?, _ ask: Ask) async throws -> TagListing {
        var url = configuration.endpoint.appending(path: "v2", repository.name, "tags", "list")
        if let size { url = url.appending(query: [(name: "n", value: String(size))]) }
        var collector = TagCollector(configuration: configuration, operation: ask.purpose.operation)
        while true {
            try collector.begin(url)
            let answer = try await ask.answer(
                to: Ask.Request(url: url, bodyBytes: collector.remainingBytes))
            guard answer.status == 200 else {
                throw try failure(answer, ask, isFirst: collector.pages == 1, hadSize: size != nil)
            }
            guard let next = try collector.add(answer) else { return collector.listing }
            url = next
        }
    }

    /// What an answer that is no page means.
    ///
    /// On a later page, NAME_UNKNOWN says that the repository went away meanwhile, which is not "no versions yet".
    private func failure(
        _ answer: RegistryAnswer, _ ask: Ask, isFirst: Bool, hadSize: Bool
    ) throws -> any Error {
        var error = RegistryError(answer, operation: ask.purpose.operation)
        guard isFirst else {
            if error.code == .nameUnknown { error.code = .pageChain }
            return error
        }
        // 400 PAGINATION_NUMBER_INVALID, 413 TOO_MANY_TAGS_REQUESTED, 400 or 405 UNSUPPORTED: registries differ in how
        // they refuse.
        let refusesSize =
            error.code == .paginationNumberInvalid || error.code == .unsupported || [405, 413].contains(answer.status)
        return refusesSize && hadSize ? PageSizeRefused(error: error, hadSize: hadSize) : error
    }
}
