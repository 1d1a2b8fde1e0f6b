import Builds
import OCIDistribution

/// What is behind several tags, asked a few at a time.
enum TagDetails {
    /// How many are asked at a time.
    private static let width = 4

    /// Asks for each tag; one that cannot be had keeps none of the others from being shown.
    static func read(
        _ tags: [String], of webapp: WebappName, _ core: any Core
    ) async throws -> [String: Result<ImageDocument, any Error>] {
        try await withThrowingTaskGroup(of: (String, Result<ImageDocument, any Error>).self) { group in
            var found: [String: Result<ImageDocument, any Error>] = [:]
            for (index, tag) in tags.enumerated() {
                if index >= width, let (tag, image) = try await group.next() { found[tag] = image }
                group.addTask {
                    do {
                        return (tag, .success(try await core.image(of: webapp, tag: try Tag(tag)).content))
                    } catch is CancellationError {
                        throw CancellationError()
                    } catch {
                        return (tag, .failure(error))
                    }
                }
            }
            for try await (tag, image) in group { found[tag] = image }
            return found
        }
    }
}
