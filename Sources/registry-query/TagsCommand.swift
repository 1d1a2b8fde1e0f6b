import ArgumentParser
import Builds
import FoundationEssentials
import OCIDistribution
import SemanticVersions

struct TagsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tags", abstract: "Show which tags a webapp has, or what is behind one of them.",
        discussion: """
            Versions come first, highest first, then all other tags by name. The list is complete, or there is an error.

            On a terminal the newest \(mostRows) come as a table with age, size, platforms and digest; --long prints that table \
            elsewhere, too. In a pipe there is one tag a line and nothing else, for scripts.

            Examples:
              registry-query tags app-example
              registry-query tags app-example v1.2.3
              registry-query tags app-example --range '1.x' --limit 5
              registry-query tags app-example | head -1
            """)

    /// How many tags the table shows unless told otherwise: each is a question or two to the registry.
    private static let mostRows = 20

    @Argument(help: "The webapp, e.g. app-example.") var webapp: String
    @Argument(help: "A tag, to see what is behind it.") var tag: String?
    @Option(help: ArgumentHelp("Only versions in a range such as '^1.2'.", valueName: "range")) var range: VersionRange?
    @Flag(help: "Count prereleases, too.") var prereleases = false
    @Option(help: ArgumentHelp("Show at most so many tags.", valueName: "number")) var limit: Int?
    @Flag(name: .shortAndLong, help: "Show the table, also where there is no terminal.") var long = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if long, common.output == .json {
            throw ValidationError("--long shows a table; leave it out for --output json.")
        }
        if long, tag != nil {
            throw ValidationError("--long is for the list of tags; leave it out where a tag is named.")
        }
    }

    func run() async throws {
        let webapp = try WebappName(webapp)
        if let limit, limit < 1 { throw InvalidInput(field: "--limit", "give a number from 1 on") }
        let tag = try tag.map { text in
            do { return try Tag(text) } catch { throw InvalidInput(field: "tag", "\(error)") }
        }
        try await common.withCore { core in
            if let tag {
                try await core.image(of: webapp, tag: tag).show(common.output, people: Self.lines)
                return
            }
            let isTable = long || common.output == .text && FileHandleOutput.standardOutput.isTerminal
            let answer = try await core.tags(
                of: webapp, range: range, prereleases: prereleases, limit: limit ?? (isTable ? Self.mostRows : nil))
            guard isTable else {
                try answer.show(common.output) { StyledText($0.tags.map { $0 + "\n" }.joined()) }
                return
            }
            try await Self.showTable(answer.content, of: webapp, core)
        }
    }

    private static func showTable(_ list: TagsDocument, of webapp: WebappName, _ core: any Core) async throws {
        let images = try await TagDetails.read(list.tags, of: webapp, core)
        var table = Table("TAG", "AGE", "SIZE", "PLATFORMS", "DIGEST")
        for tag in list.tags {
            let name = StyledText(line: tag) + (tag == list.latest ? StyledText(" latest", .green) : "")
            guard case .success(let image) = images[tag] else {
                table.add(name, "-", "-", "-", "-")
                continue
            }
            table.add(
                name, StyledText(line: Present.age(image.createdAt, now: Date())),
                StyledText(line: Present.size(image.size)),
                StyledText(line: image.platforms.isEmpty ? "-" : image.platforms.joined(separator: ", ")),
                StyledText(line: String(image.digest.prefix(19)), .dim))
        }
        if !list.tags.isEmpty { try FileHandleOutput.standardOutput.showTable(table) }
        let shown = list.tags.count < list.count ? "\(list.tags.count) of \(list.count) tags" : "\(list.count) tags"
        let latest = list.latest.map { "the latest version is \($0)" } ?? "none of them is a released version"
        let more = list.tags.count < list.count ? "; --limit shows more" : ""
        try FileHandleOutput.standardError.show("\(shown) in \(list.repository); \(latest)\(more)\n")
        let failures = list.tags.compactMap { tag -> (tag: String, error: any Error)? in
            guard case .failure(let error) = images[tag] else { return nil }
            return (tag, error)
        }
        if let first = failures.first {
            throw ServiceError(
                "what is behind \(failures.count) of these tags could not be had; of \(first.tag): \(first.error)")
        }
    }

    private static func lines(_ image: ImageDocument) -> StyledText {
        var fields = [
            ("image", image.image), ("digest", image.digest), ("size", Present.size(image.size)),
            ("platforms", image.platforms.joined(separator: ", ")), ("created", Present.time(image.createdAt)),
        ]
        if let revision = image.revision { fields.append(("revision", revision)) }
        if let source = image.source { fields.append(("source", source)) }
        return Present.fields(fields.map { ($0, StyledText(line: $1)) })
    }
}
