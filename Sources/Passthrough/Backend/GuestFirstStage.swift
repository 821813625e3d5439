import VirtualIOMMU

/// A first stage as the guest's IOMMU decoded it; IOMMUClient has a type of the same name.
typealias GuestFirstStage = VTdFirstStage
