public import ArgumentParser
public import Builds
import FoundationEssentials

struct BuildsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "builds", abstract: "List builds, newest first.",
        discussion: """
            The message is cut to the width of the terminal, and to \(messageColumns) columns in a pipe; --output json has all of it.

            Examples:
              registry-query builds
              registry-query builds app-example --status failed
              registry-query builds --status running --output json
            """)

    /// How many columns of a message are shown where there is no terminal.
    private static let messageColumns = 100

    @Argument(help: "Only builds of this webapp.") var webapp: String?
    @Option(help: ArgumentHelp("Only builds in this state.", valueName: "status")) var status: Build.Status?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let webapp = try webapp.map { try WebappName($0) }
        try await common.withCore { core in
            let answer = try await core.builds(of: webapp, status: status)
            guard common.output == .text else {
                try answer.show(.json) { _ in "" }
                return
            }
            guard !answer.content.builds.isEmpty else {
                let which = (status.map { "\($0.rawValue) " } ?? "", webapp.map { " of \($0)" } ?? "")
                try FileHandleOutput.standardError.show("there are no \(which.0)builds\(which.1)\n")
                return
            }
            try FileHandleOutput.standardOutput.showTable(Self.table(answer.content))
        }
    }

    private static func table(_ document: BuildsDocument) -> Table {
        var table = Table("BUILD", "VERSION", "STATUS", "AGE", "TOOK", "MESSAGE")
        for build in document.builds {
            table.add(
                StyledText(line: build.id), StyledText(line: build.tag), Present.status(build),
                StyledText(line: Present.age(build.createdAt, now: Date())),
                StyledText(line: build.duration.map(Present.duration) ?? "-"),
                StyledText(line: build.message).cut(
                    toColumns: FileHandleOutput.standardOutput.isTerminal ? .max : messageColumns))
        }
        return table
    }
}

extension FileHandleOutput {
    /// Prints a table, on a terminal no wider than that.
    func showTable(_ table: Table) throws { try show(table.text(columns: isTerminal ? size.columns : .max)) }
}

extension Build.Status: ExpressibleByArgument {}
