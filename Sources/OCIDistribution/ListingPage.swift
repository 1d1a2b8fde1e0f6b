internal import FoundationEssentials

/// One page of a listing: of tags, `{"name": "...", "tags": ["...", ...]}`, or of repositories,
/// `{"repositories": ["...", ...]}`.
///
/// The list may be null or, beside a name, absent: both mean that there is nothing. The name is not compared with the
/// repository's: registries that mirror others or complete short names (`library/...`) write their own, and the request
/// already says which one is meant.
/// Spec: OCI distribution specification 1.1, "Listing tags"; Distribution, "Catalog".
struct ListingPage: Decodable {
    /// What is listed.
    enum Kind: String {
        case tags
        case repositories
    }

    private var tags: [String]?
    private var repositories: [String]?

    struct Malformed: Error {
        var reason: String
    }

    private enum Key: String, CodingKey { case name, tags, repositories, errors }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        // A success that is none must not pass for a listing of nothing.
        guard !container.contains(.errors) else {
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "not a listing"))
        }
        if container.contains(.tags) || container.contains(.name) {
            tags = try container.decodeIfPresent([String].self, forKey: .tags) ?? []
        }
        if container.contains(.repositories) {
            repositories = try container.decodeIfPresent([String].self, forKey: .repositories) ?? []
        }
    }

    /// The names on the page of a successful answer.
    static func names(on answer: RegistryAnswer, of kind: Kind) throws(Malformed) -> [String] {
        let page = try? JSONDecoder().decode(ListingPage.self, from: Data(answer.body))
        // Nor must any other JSON that a proxy may answer with.
        guard let names = kind == .tags ? page?.tags : page?.repositories else {
            let type = answer.mediaType.map { "a body of type \($0)" } ?? "a body without a type"
            throw Malformed(reason: "\(type) that is not the JSON of a listing of \(kind.rawValue)")
        }
        return names
    }
}
