internal import HTTPTransport

extension RegistryClient {
    /// All names of a listing, over all pages, each once: complete or an error.
    ///
    /// The end is a page without a `Link` to a next one: neither a short page nor an empty one is.
    func names(_ kind: ListingPage.Kind, at url: HTTPURL, _ ask: Ask) async throws -> [String] {
        do {
            return try await names(kind, at: url, size: configuration.pageSize, ask)
        } catch let refusal as PageSizeRefused {
            guard refusal.hadSize else { throw refusal.error }
            return try await names(kind, at: url, size: nil, ask)
        }
    }

    private struct PageSizeRefused: Error {
        var error: RegistryError
        var hadSize: Bool
    }

    private func names(
        _ kind: ListingPage.Kind, at first: HTTPURL, size: Int?, _ ask: Ask
    ) async throws -> [String] {
        var url = first
        if let size { url = url.appending(query: [(name: "n", value: String(size))]) }
        var collector = PageCollector(kind, configuration: configuration, operation: ask.purpose.operation)
        while true {
            try collector.begin(url)
            let answer = try await ask.answer(
                to: Ask.Request(url: url, bodyBytes: collector.remainingBytes))
            guard answer.status == 200 else {
                throw try failure(answer, ask, isFirst: collector.pages == 1, hadSize: size != nil)
            }
            guard let next = try collector.add(answer) else { return collector.names }
            url = next
        }
    }

    /// What an answer that is no page means.
    ///
    /// On a later page, a 404 says that what was listed went away meanwhile, which is neither "no versions yet" nor "no
    /// catalog".
    private func failure(
        _ answer: RegistryAnswer, _ ask: Ask, isFirst: Bool, hadSize: Bool
    ) throws -> any Error {
        var error = RegistryError(answer, operation: ask.purpose.operation)
        guard isFirst else {
            if [.nameUnknown, .notFound].contains(error.code) { error.code = .pageChain }
            return error
        }
        // 400 PAGINATION_NUMBER_INVALID, 413 TOO_MANY_TAGS_REQUESTED, 400 or 405 UNSUPPORTED: registries differ in how
        // they refuse.
        let refusesSize =
            error.code == .paginationNumberInvalid || error.code == .unsupported || [405, 413].contains(answer.status)
        return refusesSize && hadSize ? PageSizeRefused(error: error, hadSize: hadSize) : error
    }
}
