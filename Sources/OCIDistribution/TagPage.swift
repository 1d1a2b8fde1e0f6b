internal import FoundationEssentials

/// One page of a tag listing, `{"name": "...", "tags": ["...", ...]}`.
///
/// `tags` may be null or, beside a name, absent: both mean no tags. The name is not compared with the repository's:
/// registries that mirror others or complete short names (`library/...`) write their own, and the request already says
/// which one is meant.
/// Spec: OCI distribution specification 1.1, "Listing tags".
struct TagPage: Decodable {
    var tags: [String]

    struct Malformed: Error {
        var reason: String
    }

    private enum Key: String, CodingKey { case name, tags, errors }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        // A success that is none, and any other JSON that a proxy may answer with, must not pass for a repository
        // without tags.
        guard !container.contains(.errors), container.contains(.tags) || container.contains(.name) else {
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "not a tag listing"))
        }
        tags = try container.decodeIfPresent([String].self, forKey: .tags) ?? []
    }

    /// Reads the body of a successful answer.
    init(_ answer: RegistryAnswer) throws(Malformed) {
        do {
            self = try JSONDecoder().decode(TagPage.self, from: Data(answer.body))
        } catch {
            let type = answer.mediaType.map { "a body of type \($0)" } ?? "a body without a type"
            throw Malformed(reason: "\(type) that is not the JSON of a tag listing")
        }
    }
}
