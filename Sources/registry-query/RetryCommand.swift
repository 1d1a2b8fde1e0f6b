import ArgumentParser
import Builds

struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Build the same sources again, under the next version.",
        discussion: """
            The build must have ended. The new one takes its repository, commit, directory and platforms, and a version of its \
            own: the old one may have been pushed in part.

            Examples:
              registry-query retry build-app-example-v1-2-3
              registry-query retry build-app-example-v1-2-3 --wait
            """)

    @Argument(help: "The build's id, as `builds` shows it.") var build: String
    @OptionGroup var start: StartArguments
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let (id, key) = (try BuildID(build), try start.checkedKey())
        try await common.withCore { core in
            try await start.finish(try await core.retry(id, idempotencyKey: key), core, common)
        }
    }
}
