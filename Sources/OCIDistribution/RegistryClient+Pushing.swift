internal import HTTPTransport
internal import HTTPTypes

extension RegistryClient {
    private static let longestPushAnswer = 64 << 10

    /// Points a tag to a manifest of the same repository, an image or an index, byte for byte as it was read.
    ///
    /// A tag that exists is moved. Registries have no compare-and-set for tags: who else moves this one at the same time
    /// is for the caller to rule out. Doing it twice is doing it once, so a lost answer is asked for again within the
    /// deadline; after an error the tag may point to either manifest, and a registry that was slow to take the request in
    /// may still carry it out.
    /// - Returns: the digest that the registry serves under the tag: as it states it in its answer or, where that has
    ///   none, as a look-up finds it. It is the digest of the manifest's bytes, anything else is an error.
    /// - Throws: ``RegistryError``, with ``RegistryError/Code/denied`` or ``RegistryError/Code/unauthorized`` when the
    ///   credentials do not allow pushing; `CancellationError`.
    /// Spec: OCI distribution specification 1.1, end-7.
    @concurrent
    public func tag(_ manifest: Manifest, as tag: Tag, in repository: Repository) async throws -> Digest {
        let wanted = manifest.descriptor.digest
        let operation = "point \(name(.tag(tag), repository)) to \(wanted)"
        return try await perform(operation, in: repository, access: .push) { ask in
            var request = self.manifestRequest(.put, .tag(tag), repository)
            request.accept = ["application/json"]
            request.content = (type: manifest.descriptor.mediaType, bytes: manifest.bytes)
            request.bodyBytes = Self.longestPushAnswer
            let answer = try await ask.answer(to: request)
            guard answer.status == 201 else { throw Self.pushFailure(answer, operation) }
            // The field is not the specification's, only every registry's; and it may be of another algorithm.
            let served =
                if let stated = self.digest(statedBy: answer) { stated } else {
                    try await self.descriptor(of: .tag(tag), repository, ask)?.digest
                }
            guard let served, served.matches(manifest.bytes) else {
                throw RegistryError(
                    .malformedAnswer, operation: operation,
                    summary: "\(answer.url.authority) accepted it and serves "
                        + (served.map { "the digest \($0)" } ?? "nothing") + " there",
                    advice: "Check whether something else moves this tag, and try again", status: answer.status)
            }
            return served
        }
    }

    private static func pushFailure(_ answer: RegistryAnswer, _ operation: String) -> RegistryError {
        var error = RegistryError(answer, operation: operation)
        if answer.status == 405 {
            error.advice = "Check that the registry takes pushes: one that is read-only or a mirror does not"
        }
        return error
    }
}
