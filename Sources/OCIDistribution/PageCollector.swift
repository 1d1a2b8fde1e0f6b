internal import HTTPTransport

/// Puts the pages of one listing together and watches that they form a chain that ends.
struct PageCollector {
    private let kind: ListingPage.Kind
    private let configuration: RegistryClient.Configuration
    private let operation: String
    private var visited: Set<HTTPURL> = []
    private var known: Set<String> = []
    /// The names on the pages so far, each once, in the registry's order.
    private(set) var names: [String] = []
    private var listed = 0
    private(set) var remainingBytes: Int

    init(_ kind: ListingPage.Kind, configuration: RegistryClient.Configuration, operation: String) {
        self.kind = kind
        self.configuration = configuration
        self.operation = operation
        remainingBytes = configuration.mostListingBytes
    }

    /// The number of pages that were asked for.
    var pages: Int { visited.count }

    /// Notes that a page is asked for.
    mutating func begin(_ url: HTTPURL) throws {
        guard visited.insert(url).inserted else {
            throw error(.pageChain, "the pages lead back to \(url.withoutQuery), so the listing has no end")
        }
        guard pages <= configuration.mostPages else {
            throw error(.truncated, "the listing has more than \(configuration.mostPages) pages")
        }
    }

    /// Takes a page in; answers where the next one is, or `nil` when this was the last.
    mutating func add(_ answer: RegistryAnswer) throws -> HTTPURL? {
        let page: [String]
        do throws(ListingPage.Malformed) {
            page = try ListingPage.names(on: answer, of: kind)
        } catch {
            throw self.error(.malformedAnswer, "\(answer.url.authority) answered 200 with \(error.reason)")
        }
        listed += page.count
        guard listed <= configuration.mostTags else {
            throw error(.truncated, "the listing has more than \(configuration.mostTags) \(kind.rawValue)")
        }
        for name in page where known.insert(name).inserted { names.append(name) }
        remainingBytes -= answer.body.count
        return try next(after: answer)
    }

    private func next(after answer: RegistryAnswer) throws -> HTTPURL? {
        let target: String?
        do throws(LinkHeader.Malformed) {
            target = try LinkHeader(answer.headerFields.values(of: "Link")).next()
        } catch {
            throw self.error(.pageChain, "the Link to the next page cannot be read: \(error.reason)")
        }
        guard let target else { return nil }
        let url: HTTPURL
        do {
            url = try answer.url.resolving(target)
        } catch {
            throw self.error(.pageChain, "the Link to the next page cannot be followed: \(error)")
        }
        // An inner host name in the link, as from behind a proxy, would take credentials and the listing elsewhere.
        guard url.isSameOrigin(as: answer.url) else {
            throw error(
                .pageChain,
                "the next page is at \(url.scheme.rawValue)://\(url.authority), this one came from "
                    + "\(answer.url.scheme.rawValue)://\(answer.url.authority)")
        }
        return url
    }

    private func error(_ code: RegistryError.Code, _ summary: String) -> RegistryError {
        RegistryError(code, operation: operation, summary: summary)
    }
}
