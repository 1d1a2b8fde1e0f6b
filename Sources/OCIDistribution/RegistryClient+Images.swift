internal import FoundationEssentials

extension RegistryClient {
    private static let longestConfiguration = 4 << 20

    /// What is behind a tag: digest, platforms, and what the image's configuration says.
    ///
    /// Of an index, size, labels and creation are those of the first platform that it lists. Revision, source and
    /// creation are taken from the labels (creation: the configuration) and, where those lack them, from the
    /// annotations of the manifest, then of the index.
    /// - Throws: ``RegistryError``, with code ``RegistryError/Code/manifestUnknown`` or
    ///   ``RegistryError/Code/nameUnknown`` when the registry says that it does not have it; `CancellationError`.
    public func image(_ tag: Tag, in repository: Repository) async throws -> ImageDetails {
        try await image(.tag(tag), in: repository)
    }

    /// What is behind a tag or a digest: see ``image(_:in:)-(Tag,_)``.
    @concurrent
    public func image(_ reference: ManifestReference, in repository: Repository) async throws -> ImageDetails {
        try await perform("read the image \(name(reference, repository))", in: repository) { ask in
            let top = try await self.manifest(reference, repository, ask)
            var details = ImageDetails(
                digest: top.descriptor.digest, mediaType: top.descriptor.mediaType, size: 0, platforms: [], labels: [:])
            var annotations = top.annotations
            switch top.content {
            case .image(let config, let layers):
                try await self.describe(&details, config, layers, annotations, repository, ask)
            case .index(let manifests):
                let children = manifests.filter(\.isForPlatform)
                details.platforms = children.compactMap(\.platform?.description).uniqued()
                guard let first = children.first ?? manifests.first(where: { $0.platform == nil }) else {
                    self.describe(&details, nil, annotations)
                    break
                }
                let child = try await self.manifest(.digest(first.digest), repository, ask)
                annotations.merge(first.annotations) { $1 }
                annotations.merge(child.annotations) { $1 }
                // An index within an index is told by its outside only.
                guard case .image(let config, let layers) = child.content else {
                    self.describe(&details, nil, annotations)
                    break
                }
                try await self.describe(&details, config, layers, annotations, repository, ask)
            }
            return details
        }
    }

    private func describe(
        _ details: inout ImageDetails, _ config: Descriptor, _ layers: [Descriptor], _ annotations: [String: String],
        _ repository: Repository, _ ask: Ask
    ) async throws {
        // Sizes come from the network: a sum beyond all bounds is pinned, not trapped on.
        details.size = ([config] + layers).reduce(0) { sum, part in
            let (next, overflow) = sum.addingReportingOverflow(part.size ?? 0)
            return overflow ? .max : next
        }
        guard ImageConfiguration.types.contains(config.mediaType) else {
            describe(&details, nil, annotations)
            return
        }
        let bytes = try await blob(config, repository, limit: Self.longestConfiguration, ask)
        let configuration: ImageConfiguration
        do {
            configuration = try JSONDecoder().decode(ImageConfiguration.self, from: Data(bytes))
        } catch {
            throw RegistryError(
                .malformedAnswer, operation: ask.purpose.operation,
                summary: "the configuration \(config.digest) is not the JSON of an image configuration")
        }
        if details.platforms.isEmpty, !configuration.platform.isUnknown {
            details.platforms = [configuration.platform.description]
        }
        describe(&details, configuration, annotations)
    }

    private func describe(
        _ details: inout ImageDetails, _ configuration: ImageConfiguration?, _ annotations: [String: String]
    ) {
        let labels = configuration?.config?.labels ?? [:]
        func value(_ name: String) -> String? {
            let key = "org.opencontainers.image.\(name)"
            return [labels[key], annotations[key]].compactMap(\.self).first { !$0.isEmpty }
        }
        details.labels = labels
        details.revision = value("revision")
        details.source = value("source")
        details.createdAt = configuration?.createdAt ?? value("created").flatMap(ImageConfiguration.moment)
    }
}

extension Descriptor {
    /// Whether a child of an index is an image for a platform, not an attestation about one.
    fileprivate var isForPlatform: Bool {
        guard let platform, !platform.isUnknown else { return false }
        return annotations["vnd.docker.reference.type"] == nil
    }
}

extension [String] {
    fileprivate func uniqued() -> [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
