import ArgumentParser
import Builds

/// What commands take that start a build.
struct StartArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The same key answers with the same build, however often it is sent.", valueName: "key"))
    var idempotencyKey: String?
    @Flag(name: .shortAndLong, help: "Show progress, and wait for the end: 0 if the registry serves the tag, 1 if not.")
    var wait = false

    /// The key, if it can be one.
    func checkedKey() throws(InvalidInput) -> String? {
        guard let key = idempotencyKey else { return nil }
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw InvalidInput(field: "--idempotency-key", "give 1 to 255 visible ASCII characters")
        }
        return key
    }

    /// Prints what was started, or, having waited, what came of it.
    func finish(_ answer: Answer<StartDocument>, _ core: any Core, _ common: CommonOptions) async throws {
        guard case .build(let build) = answer.content else {
            try answer.show(common.output) { _ in "" }
            if common.output == .text {
                try FileHandleOutput.standardError.show("no commit asks for a release; nothing was built\n")
            }
            return
        }
        guard wait else {
            try answer.show(common.output) { _ in Present.build(build) }
            return
        }
        let ended = try await BuildWait(core: core, arguments: common.service.repeated)
            .end(of: try Answer(Array(answer.text.utf8)))
        try ended.show(common.output, people: Present.build)
        guard ended.content.status == "succeeded" else { throw ExitCode.failure }
    }
}
