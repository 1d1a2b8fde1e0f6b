internal import HTTPTransport

/// Puts the pages of one listing together and watches that they form a chain that ends.
struct TagCollector {
    private let configuration: RegistryClient.Configuration
    private let operation: String
    private var visited: Set<HTTPURL> = []
    private var known: Set<String> = []
    private var tags: [Tag] = []
    private var ignored = 0
    private var listed = 0
    private(set) var remainingBytes: Int

    init(configuration: RegistryClient.Configuration, operation: String) {
        self.configuration = configuration
        self.operation = operation
        remainingBytes = configuration.mostListingBytes
    }

    /// The number of pages that were asked for.
    var pages: Int { visited.count }

    /// What the pages so far come to.
    var listing: TagListing { TagListing(tags: tags, ignored: ignored) }

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
        let page: TagPage
        do throws(TagPage.Malformed) {
            page = try TagPage(answer)
        } catch {
            throw self.error(.malformedAnswer, "\(answer.url.authority) answered 200 with \(error.reason)")
        }
        listed += page.tags.count
        guard listed <= configuration.mostTags else {
            throw error(.truncated, "the listing has more than \(configuration.mostTags) tags")
        }
        for name in page.tags where known.insert(name).inserted {
            if let tag = try? Tag(name) { tags.append(tag) } else { ignored += 1 }
        }
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
