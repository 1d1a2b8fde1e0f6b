internal import HTTPTransport
internal import HTTPTypes

extension RegistryClient {
    /// The most bytes of a manifest, as registries have it.
    ///
    /// Spec: OCI distribution specification 1.1, "Pushing Manifests".
    static let longestManifest = 4 << 20

    /// What a tag points to, or `nil` when the registry does not have it.
    ///
    /// See ``descriptor(of:in:)-(ManifestReference,_)``.
    public func descriptor(of tag: Tag, in repository: Repository) async throws -> Descriptor? {
        try await descriptor(of: .tag(tag), in: repository)
    }

    /// The manifest of a digest, or `nil` when the registry does not have it.
    ///
    /// See ``descriptor(of:in:)-(ManifestReference,_)``.
    public func descriptor(of digest: Digest, in repository: Repository) async throws -> Descriptor? {
        try await descriptor(of: .digest(digest), in: repository)
    }

    /// What a reference points to, or `nil` when the registry itself says that it does not have it.
    ///
    /// Asked by HEAD, which costs registries least and counts no pull. A HEAD has no body, so a 404 of it may come
    /// from anywhere: it is asked again by GET, and only MANIFEST_UNKNOWN or NAME_UNKNOWN in the registry's own words
    /// means `nil`; any other 404 is an error. GET is also asked when the HEAD's answer lacks the digest or the type.
    /// - Throws: ``RegistryError``, or `CancellationError`.
    /// Spec: OCI distribution specification 1.1, end-3.
    @concurrent
    public func descriptor(of reference: ManifestReference, in repository: Repository) async throws -> Descriptor? {
        let operation = "look \(name(reference, repository)) up"
        return try await perform(operation, in: repository) { ask in
            try await self.descriptor(of: reference, repository, ask)
        }
    }

    func descriptor(
        of reference: ManifestReference, _ repository: Repository, _ ask: Ask
    ) async throws -> Descriptor? {
        let operation = ask.purpose.operation
        let answer = try await ask.answer(to: manifestRequest(.head, reference, repository))
        if answer.status == 200, let type = answer.mediaType, Manifest.acceptedTypes.contains(type),
            let digest = self.digest(statedBy: answer)
        {
            if case .digest(let wanted) = reference, wanted != digest {
                throw RegistryError(
                    .malformedAnswer, operation: operation,
                    summary: "\(answer.url.authority) answered with the digest \(digest)", status: answer.status)
            }
            let size = answer.headerFields[.contentLength].flatMap { Int($0) }
            return Descriptor(mediaType: type, digest: digest, size: size)
        }
        // 405 and 400 are what servers say that do not know HEAD.
        guard [200, 400, 404, 405].contains(answer.status) else {
            throw RegistryError(answer, operation: operation)
        }
        do {
            return try await manifest(reference, repository, ask).descriptor
        } catch let error as RegistryError where [.manifestUnknown, .nameUnknown].contains(error.code) {
            return nil
        }
    }

    /// The manifest that a reference points to, its digest verified.
    ///
    /// The bytes must have the digest that was asked for or, for a tag, the one that the registry states.
    /// - Throws: ``RegistryError``, with code ``RegistryError/Code/manifestUnknown`` or
    ///   ``RegistryError/Code/nameUnknown`` when the registry says that it does not have it; `CancellationError`.
    /// Spec: OCI distribution specification 1.1, end-3.
    @concurrent
    public func manifest(_ reference: ManifestReference, in repository: Repository) async throws -> Manifest {
        try await perform("read the manifest of \(name(reference, repository))", in: repository) { ask in
            try await self.manifest(reference, repository, ask)
        }
    }

    func manifest(_ reference: ManifestReference, _ repository: Repository, _ ask: Ask) async throws -> Manifest {
        let operation = ask.purpose.operation
        let answer = try await ask.answer(to: manifestRequest(.get, reference, repository))
        guard answer.status == 200 else { throw RegistryError(answer, operation: operation) }
        var expected = digest(statedBy: answer)
        if case .digest(let digest) = reference { expected = digest }
        let actual = Digest.of(answer.body, by: expected?.algorithm ?? .sha256)
        guard expected == nil || expected == actual else {
            throw RegistryError(
                .malformedAnswer, operation: operation,
                summary:
                    "\(answer.url.authority) sent bytes with the digest \(actual) instead of "
                    + (expected?.description ?? ""),
                status: answer.status)
        }
        do throws(Manifest.Malformed) {
            return try Manifest(answer.body, type: answer.mediaType, digest: actual)
        } catch {
            throw RegistryError(
                error.isUnsupported ? .unsupported : .malformedAnswer, operation: operation,
                summary: "\(answer.url.authority) answered with \(redacted(error.reason, limit: 200))",
                status: answer.status)
        }
    }

    /// The content of a blob, its digest verified.
    func blob(_ descriptor: Descriptor, _ repository: Repository, limit: Int, _ ask: Ask) async throws -> [UInt8] {
        let operation = ask.purpose.operation
        guard (descriptor.size ?? 0) <= limit else {
            throw RegistryError(
                .truncated, operation: operation, summary: "\(descriptor.digest) is larger than \(limit) bytes")
        }
        let url = configuration.endpoint.appending(path: "v2", repository.name, "blobs", descriptor.digest.description)
        let answer = try await ask.answer(
            to: Ask.Request(url: url, accept: ["*/*"], bodyBytes: descriptor.size ?? limit))
        guard answer.status == 200 else { throw RegistryError(answer, operation: operation) }
        guard descriptor.digest.matches(answer.body) else {
            throw RegistryError(
                .malformedAnswer, operation: operation,
                summary: "\(answer.url.authority) sent other bytes than those of the digest \(descriptor.digest)",
                status: answer.status)
        }
        return answer.body
    }

    func name(_ reference: ManifestReference, _ repository: Repository) -> String {
        switch reference {
        case .tag(let tag): "\(configuration.registry)/\(repository):\(tag)"
        case .digest(let digest): "\(configuration.registry)/\(repository)@\(digest)"
        }
    }

    func manifestRequest(
        _ method: HTTPRequest.Method, _ reference: ManifestReference, _ repository: Repository
    ) -> Ask.Request {
        Ask.Request(
            method: method,
            url: configuration.endpoint.appending(path: "v2", repository.name, "manifests", reference.description),
            accept: Manifest.acceptedTypes, bodyBytes: Self.longestManifest)
    }

    func digest(statedBy answer: RegistryAnswer) -> Digest? {
        answer.headerFields.values(of: "Docker-Content-Digest").first.flatMap { try? Digest($0) }
    }
}
